"""bench"""

import typer

app = typer.Typer(help="x")


@app.command()
def channels() -> None:
    """X"""
