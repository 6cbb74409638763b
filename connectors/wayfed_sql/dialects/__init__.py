"""The engines' SQL, one file each; `shared` has what they write alike."""
