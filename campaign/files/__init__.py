"""What people write in files, read into the model: every mistake is named with its file, line and remedy."""
