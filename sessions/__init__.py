"""One call, from ring to seal: the only place that conducts the others."""
