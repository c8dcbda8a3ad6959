"""Who may act: people, services and agents, with their keys and roles."""
