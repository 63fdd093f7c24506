"""The stock gateway and ours, given the same requests, must give the same answers."""
