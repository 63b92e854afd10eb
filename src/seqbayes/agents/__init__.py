"""A server that lets AI agents read beliefs through the Model Context Protocol (MCP)."""
