"""What is handed to customers, made from the checkout."""
