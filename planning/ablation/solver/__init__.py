"""The physics: heat, cold, current and microwaves on a grid, and the damage they leave."""
