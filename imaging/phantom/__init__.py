"""Generated cases with known truth, and lesions put into real series."""
