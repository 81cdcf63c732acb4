"""A finished run behind HTTP: what is asked, put together into batches, answered, and refused."""
