"""The controls: what else, besides the declared bands, could have made the accuracy."""
