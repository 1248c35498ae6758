"""Templates for the usual kinds of campaign (D37 to D39): what such a campaign is for, how it calls, and what may come of a talk.

A template is a TOML file with the fields of a campaign, the strategies it follows, its goals and its classes of result. Those that come
with offhook are engineering defaults, to be checked by the owner; a folder of the owner's own adds to them and replaces those of the same
name.
"""

from offhook.templates.template import (
    Template,
    TemplateError,
    builtin_templates,
    load_template,
    load_templates,
    parse_template,
    template_of,
)

__all__ = ["Template", "TemplateError", "builtin_templates", "load_template", "load_templates", "parse_template", "template_of"]
