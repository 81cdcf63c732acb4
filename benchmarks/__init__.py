"""Measurements, each one command, with their recorded results beside them."""
