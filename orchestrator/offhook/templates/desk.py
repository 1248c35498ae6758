"""What can be asked about templates. A part of every desk and node."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import Field

from offhook.campaigns.plan import Goals
from offhook.messages import CampaignSpec, CampaignState
from offhook.said import Asked, Name, Told
from offhook.templates.template import Template, builtin_templates, template_of


class TemplateShown(Told):
    """A kind of campaign."""

    name: str
    title: str
    about: str
    needs: tuple[str, ...] = Field(description="Fields without which no campaign of this kind is made.")
    goals: Goals
    campaign: dict[str, Any] = Field(description="Fields of the campaign, the names of its strategies among them.")


class NewCampaign(Asked):
    """A campaign from a template."""

    name: Name
    template: str = Field(min_length=1, max_length=63, description="Kind of campaign, see template.list.")
    fields: dict[str, Any] = Field(
        default_factory=dict, description="Fields of the campaign that go over the template's: prompt, title ..."
    )


class TemplateDesk:
    """Campaigns from templates."""

    if TYPE_CHECKING:

        async def create_campaign(self, spec: CampaignSpec) -> CampaignState:
            """Store a new campaign."""

    def templates(self) -> list[TemplateShown]:
        """The templates that come with offhook."""
        return [shown(template) for template in builtin_templates().values()]

    async def new_campaign(self, name: str, template: str | Template, given: Mapping[str, Any] | None = None) -> CampaignState:
        """Store a campaign of a kind, idle; *given* fields go over those of the template.

        Raises:
            TemplateError: There is no such template, or something that it needs is not given.
            CampaignError: The name is taken.
        """
        kind = template_of(template, builtin_templates()) if isinstance(template, str) else template
        return await self.create_campaign(kind.spec(name, given))


def shown(template: Template) -> TemplateShown:
    """As told."""
    return TemplateShown.model_validate(template.model_dump(mode="json", exclude={"carries"}))
