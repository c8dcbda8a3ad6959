"""Who may act: identities with a key, a lifecycle and roles; their logins; what they sign."""
