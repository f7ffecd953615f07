"""The two themes: one accent colour, calm backgrounds, state colours that stay readable on both.

``$foreground`` with a share of opacity gives all other text shades; nothing else in the program names a colour, but
for the scatter groups (render/palette.py).
"""

from __future__ import annotations

from textual.app import App
from textual.theme import Theme

DARK = Theme(
    name="raydeck-dark",
    dark=True,
    primary="#5fb3d4",
    secondary="#5fb3d4",
    accent="#5fb3d4",
    foreground="#d5dae1",
    background="#11151b",
    surface="#11151b",
    panel="#1a2029",
    success="#86c28b",
    warning="#e0b45c",
    error="#f07178",
    variables={
        "footer-background": "#11151b",
        "footer-key-foreground": "#5fb3d4",
        "footer-description-foreground": "#949aa3",
        "footer-description-background": "#11151b",
        "footer-key-background": "#11151b",
        "block-cursor-background": "#26414f",
        "block-cursor-foreground": "#e6eaf0",
        "block-cursor-text-style": "none",
        "input-selection-background": "#5fb3d4 35%",
        "scrollbar": "#2a323d",
        "scrollbar-background": "#11151b",
    },
)
LIGHT = Theme(
    name="raydeck-light",
    dark=False,
    primary="#0b6e93",
    secondary="#0b6e93",
    accent="#0b6e93",
    foreground="#22272e",
    background="#fbfbf9",
    surface="#fbfbf9",
    panel="#efefec",
    success="#2c7a3d",
    warning="#935f00",
    error="#bf2c34",
    variables={
        "footer-background": "#fbfbf9",
        "footer-key-foreground": "#0b6e93",
        "footer-description-foreground": "#5c636b",
        "footer-description-background": "#fbfbf9",
        "footer-key-background": "#fbfbf9",
        "block-cursor-background": "#cfe4ec",
        "block-cursor-foreground": "#16191d",
        "block-cursor-text-style": "none",
        "input-selection-background": "#0b6e93 25%",
        "scrollbar": "#d5d5d0",
        "scrollbar-background": "#fbfbf9",
    },
)


def use_themes(app: App[object], name: str = DARK.name) -> None:
    """Register both themes and switch to one, but leave an app alone that was built without colours (NO_COLOR)."""
    app.register_theme(DARK)
    app.register_theme(LIGHT)
    if not app.ansi_color:
        app.theme = name


def other_theme(name: str) -> str:
    """Return the name of the theme that is not ``name``."""
    return LIGHT.name if name == DARK.name else DARK.name
