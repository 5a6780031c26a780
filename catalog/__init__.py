"""What can be asked: providers, their models, and the routes that members choose from."""
