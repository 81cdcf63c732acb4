"""Tables from files of any form: what a file is, is seen from its first megabytes, told, and held to to its end."""
