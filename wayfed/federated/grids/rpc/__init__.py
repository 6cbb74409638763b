"""The grids over grpcio with mutual TLS: one hub, parties and requesters that connect to it."""
