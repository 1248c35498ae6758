"""One template: read, checked, and made into a campaign."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError, model_validator

from offhook.campaigns.plan import Goals
from offhook.errors import OffhookError
from offhook.messages import CampaignSpec
from offhook.mistakes import explain
from offhook.said import Asked, Name
from offhook.strategies import Strategy, StrategyError, apply, builtin_strategies

Needed = Literal["prompt", "message", "abandoned", "caller_id", "dtmf", "filter", "department", "title"]


class TemplateError(OffhookError):
    """A template is wrong or unknown; the text names file, line, key and mend."""


class Template(Asked):
    """A kind of campaign."""

    name: Name
    title: str = Field(min_length=1, max_length=200, description="For people; any script.")
    about: str = Field("", max_length=1000, description="When to take it, and what to look at before.")
    carries: tuple[str, ...] = Field((), description="Requirements that it stands for.")
    needs: tuple[Needed, ...] = Field((), description="Fields that only the owner knows; a campaign is not made without them.")
    goals: Goals = Field(default_factory=Goals, description="Primary and secondary goal, and the classes of result.")
    campaign: dict[str, Any] = Field(description="Fields of the campaign, its strategies among them.")

    @model_validator(mode="after")
    def _whole(self) -> Template:
        if not self.goals.primary:
            raise ValueError("goals.primary is missing: say what every call is made for")
        for key in ("name", "goals"):
            if key in self.campaign:
                raise ValueError(
                    f"campaign.{key} does not belong there; {'[goals] is a table of its own' if key == 'goals' else 'remove it'}"
                )
        if any(result.success for result in self.goals.results.values()) or not self.goals.results:
            return self
        raise ValueError("no class of result has success = true; mark the one that reaches the primary goal")

    def spec(self, name: str, given: Mapping[str, Any] | None = None) -> CampaignSpec:
        """A campaign of this kind. What is *given* goes over the template's fields; strategies are taken on when it is stored.

        Raises:
            TemplateError: Something that the template needs is not given, or a field is wrong.
        """
        data = {**self.campaign, "goals": self.goals.model_dump(mode="json"), **(given or {}), "name": name}
        missing = [field for field in self.needs if not data.get(field)]
        if missing:
            raise TemplateError(f"template '{self.name}' needs {', '.join(missing)}; give {' '.join(f'{one}=...' for one in missing)}")
        try:
            return CampaignSpec.model_validate(data)
        except ValidationError as error:
            raise TemplateError(explain(error, f"campaign '{name}' of template '{self.name}'", "", CampaignSpec)) from error


class _Made(BaseModel):
    """The campaign of a template, so that a mistake in it is found at its line."""

    campaign: CampaignSpec


def parse_template(text: str, source: str, strategies: Mapping[Any, Strategy] | None = None) -> Template:
    """Check a template's text, the campaign that it makes included.

    Args:
        text: TOML.
        source: Named in errors.
        strategies: Those there are; None: the ones that come with offhook.

    Raises:
        TemplateError: It is not TOML, a key or value is wrong, or it follows no strategy there is; the text names the line.
    """
    try:
        template = Template.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise TemplateError(f"{source}: not TOML: {error}") from error
    except ValidationError as error:
        raise TemplateError(explain(error, source, text, Template)) from error
    try:
        spec = _Made.model_validate({"campaign": {**template.campaign, "name": "check"}}).campaign
        apply(spec, builtin_strategies() if strategies is None else strategies)
    except ValidationError as error:
        raise TemplateError(explain(error, source, text, _Made)) from error
    except StrategyError as error:
        raise TemplateError(f"{source}: {error}") from error
    return template


def load_template(path: Path, strategies: Mapping[Any, Strategy] | None = None) -> Template:
    """Read one file. TemplateError when it cannot be read or is wrong."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TemplateError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or 'not UTF-8 text'}") from error
    return parse_template(text, str(path), strategies)


@lru_cache(maxsize=1)
def builtin_templates() -> dict[str, Template]:
    """The templates that come with offhook, by name."""
    folder = resources.files("offhook.templates").joinpath("kinds")
    files = sorted((one for one in folder.iterdir() if one.name.endswith(".toml")), key=lambda one: one.name)
    found = [parse_template(one.read_text("utf-8"), one.name) for one in files]
    return {template.name: template for template in found}


def load_templates(folder: Path | None, strategies: Mapping[Any, Strategy] | None = None) -> dict[str, Template]:
    """The templates that come with offhook, and over them those of a folder. TemplateError when one of these is wrong."""
    if folder is None:
        return dict(builtin_templates())
    if not folder.is_dir():
        raise TemplateError(f"{folder}: no such folder; it should hold templates, one TOML file each")
    own = [load_template(path, strategies) for path in sorted(folder.glob("*.toml"))]
    return {**builtin_templates(), **{template.name: template for template in own}}


def template_of(name: str, known: Mapping[str, Template]) -> Template:
    """One of them. TemplateError when there is none of that name."""
    if name not in known:
        raise TemplateError(f"no template is called '{name}'; there are {', '.join(sorted(known))}")
    return known[name]
