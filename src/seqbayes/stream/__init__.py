"""Events from a stream: sources, durable beliefs, nothing lost, nothing counted twice."""
