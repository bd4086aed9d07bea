"""What heat or cold does to the lesion and its neighbours."""
