"""A party: its catalog and policy, how it binds plans and questions, and how it answers them."""
