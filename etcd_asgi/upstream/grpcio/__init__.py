"""The transport over grpcio, the only package that imports grpc."""
