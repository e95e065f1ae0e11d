"""A photograph of an invented person: scene, light, rays, paint, exact landmarks."""
