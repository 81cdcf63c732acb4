"""What files hold, before anything is trained on them."""
