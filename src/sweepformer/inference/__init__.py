"""A finished run in use: found, read, rebuilt and asked, with torch alone."""
