"""What may not be kept of what was said: card numbers above all. Pure; nothing here keeps."""
