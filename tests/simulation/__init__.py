"""The runtime under power cuts, failing disks and kill -9; a seed repeats a run exactly."""
