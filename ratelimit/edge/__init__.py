"""What the middleware is made of: everything that knows ASGI, a piece a file."""
