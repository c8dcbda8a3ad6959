"""The runtime under power cuts, drawn schedules and kill -9; a seed repeats a run exactly."""
