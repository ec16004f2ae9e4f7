"""What `aribridge doctor` looks at."""
