"""What finished runs come to: compared, evaluated, repeated."""
