"""Call a list of numbers, play a notice, and print what became of it. Runs without a card: the software E1 answers.

python examples/notice.py customers.csv notice.wav
"""

import asyncio
import sys
from pathlib import Path

from offhook import CampaignSpec, Node, Settings


async def main(numbers: Path, prompt: str) -> None:
    """Run one campaign to its end."""
    async with Node(Settings()) as node:
        await node.create_campaign(CampaignSpec(name=numbers.stem, prompt=prompt, dtmf={"1": "call me back"}, retry={"rules": {}}))
        report = await node.import_list(numbers.stem, numbers)
        print(f"{report.accepted} numbers taken, {report.rejected} rejected: {report.rejects_file or 'none'}")
        await node.start_campaign(numbers.stem)
        state = await node.wait_campaign(numbers.stem)
        for outcome, calls in sorted(state.outcomes.items()):
            print(f"{outcome:16} {calls}")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
