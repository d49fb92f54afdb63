"""What may go, what stays, and the disk that it all needs."""
