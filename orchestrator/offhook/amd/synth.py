"""Synthetic pairs: people, machines, menus and announcements spoken by the same synthetic voices, so that no voice tells the class.

Needs ``espeak-ng`` and, for more English voices, ``flite``. What comes out is a folder with ``manifest.csv`` as training wants it.
"""

from __future__ import annotations

import csv
import io
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

RATE = 8000
SCREENING = "screening"
SOURCE = "tts:pairs"
"""Column ``source`` of the pairs."""

VARIANTS = [
    "m1",
    "m2",
    "m3",
    "m4",
    "m5",
    "m6",
    "m7",
    "f1",
    "f2",
    "f3",
    "f4",
    "f5",
    "klatt",
    "klatt2",
    "klatt3",
    "klatt4",
    "Andy",
    "Denis",
    "Hugo",
    "Jacky",
    "Lee",
    "Michael",
    "Mike",
    "Pablo",
    "Quincy",
    "Alicia",
    "Andrea",
    "Annie",
    "Linda",
    "Steph2",
    "Marcelo",
    "Paul",
    "Storm",
    "Zac",
]
FLITE = ("kal16", "awb", "rms", "slt", "kal")

TEXTS: dict[str, dict[str, tuple[str, ...]]] = {
    "en": {
        "human": (
            "Hello?",
            "Hello.",
            "Hi.",
            "Yes?",
            "Yeah?",
            "Yeah, hello?",
            "Hello, who is this?",
            "Hi, this is Tom.",
            "Good morning.",
            "Speaking.",
            "Smith.",
            "Hello, Anna speaking.",
            "Jones residence.",
            "Hello? Hello?",
            "Yep.",
            "What's up?",
            "Go ahead.",
            "Hi, how are you?",
            "Hello, yes, I can hear you.",
            "Sorry, who's calling?",
            "Good afternoon, Baker and Sons, how can I help?",
            "Front desk, this is Maria, what can I do for you?",
            "Hi, I'm driving right now, can you call me later?",
            "Thank you for calling Northside Dental, this is Kim, how may I help you?",
            "Hello, hang on a second, let me turn this down.",
            "City garage, Pete here, good morning.",
            "Yes, hello, is that you, Martin?",
            "Hello, I was just about to call you.",
        ),
        "machine": (
            "Hi, you've reached Tom. I can't come to the phone right now. Please leave a message after the tone.",
            "Hello. The person you are calling is not available. Please leave a message after the beep.",
            "Hey, it's Anna. Leave a message and I'll call you back.",
            "Hi, this is Mike's phone. You know what to do.",
            "You have reached the voice mailbox of five five five, zero one nine nine. Please record your message.",
            "Hello, you've reached the Jones family. We're not home at the moment. Leave your name and number.",
            "Thank you for calling Baker and Sons. Our office is closed. Our hours are nine to five, Monday to Friday.",
            "Your call has been forwarded to an automatic voice message system.",
            "Please leave your message after the tone.",
            "I'm sorry, no one is available to take your call. At the tone, please record your message.",
            "Hi! Sorry I missed you. I'll get back to you as soon as I can. Bye.",
            "We can't take your call now. Leave a message. Thanks.",
            "Good day. You are connected with the voicemail of Doctor Miller. In an emergency, hang up and dial nine one one.",
            "Hello? Just kidding, I'm not here. Leave a message.",
        ),
        "screening": (
            "Hi, the person you are calling is using a screening service. Please say your name and why you are calling.",
            "Hello. Before I try to connect you, may I have your name and the reason for your call?",
        ),
        "ivr": (
            "Welcome to Northern Bank. For accounts, press one. For cards, press two.",
            "Please enter your customer number followed by the pound key.",
            "For English, press one. For Spanish, press two.",
            "Thank you for calling. Please listen carefully, as our menu has changed.",
            "All our agents are busy. Your call is important to us. Please hold the line.",
            "If you know your party's extension, dial it now.",
        ),
        "announcement": (
            "The number you have dialed is not in service. Please check the number and dial again.",
            "The subscriber you have called is not available. Please try again later.",
            "All circuits are busy now. Please try your call later.",
            "The number you have reached has been disconnected.",
            "Your call cannot be completed as dialed.",
        ),
    },
    "zh": {
        "human": (
            "喂？",
            "喂，你好。",
            "你好。",
            "喂，哪位？",
            "谁啊？",
            "喂喂，听得见吗？",
            "您好，请讲。",
            "嗯，你说。",
            "我是王明，您是哪位？",
            "喂，您好，请问您找谁？",
            "你好，这里是前台，请问有什么事？",
            "喂，我在开会，等一下打给你。",
            "对，是我。",
            "喂，你是快递吗？",
            "您好，幸福公司，请问有什么可以帮您？",
            "说。",
            "喂，不好意思，刚才没听清，你再说一遍。",
        ),
        "machine": (
            "您好，我现在不方便接听电话，请在提示音后留言。",
            "您拨打的用户暂时无法接听，请在嘀声后留言，挂机结束。",
            "你好，我是李华，我现在不在，请留下您的姓名和电话，我会尽快回复。",
            "您已接通语音信箱，请在听到提示音后录制您的留言。",
            "感谢您致电幸福公司，现在是非工作时间，请在上班时间再次来电。",
            "主人不在家，请留言。",
        ),
        "screening": ("您好，我是机主的智能助理，请问您是哪位，找他有什么事？",),
        "ivr": (
            "欢迎致电北方银行，账户查询请按一，人工服务请按零。",
            "请输入您的卡号，以井号键结束。",
            "座席忙，请稍候，您的来电对我们很重要。",
            "中文服务请按一，英文服务请按二。",
        ),
        "announcement": (
            "您好，您拨打的号码是空号，请核对后再拨。",
            "您好，您拨打的用户已关机。",
            "对不起，您拨打的电话已停机。",
            "您好，您拨打的用户正在通话中，请稍后再拨。",
            "您拨打的用户暂时无法接通，请稍后再拨。",
            "您好，请不要挂机，您拨打的用户正在通话中。",
        ),
    },
    "de": {
        "human": (
            "Hallo?",
            "Ja, hallo?",
            "Müller.",
            "Ja bitte?",
            "Schmidt, guten Tag.",
            "Hallo, wer ist da?",
            "Moin.",
            "Anna Weber am Apparat.",
            "Guten Morgen, Praxis Doktor Klein, was kann ich für Sie tun?",
            "Ja, ich bin gerade unterwegs, worum geht es?",
            "Autohaus Nord, Becker, guten Tag.",
        ),
        "machine": (
            "Hallo, hier ist der Anrufbeantworter von Familie Müller. Bitte hinterlassen Sie eine Nachricht nach dem Ton.",
            "Der gewünschte Teilnehmer ist zurzeit nicht erreichbar. Bitte sprechen Sie nach dem Signalton.",
            "Guten Tag, Sie rufen außerhalb unserer Geschäftszeiten an.",
            "Hi, ich bin gerade nicht da, sprich mir was drauf.",
            "Hier ist die Mailbox von null eins sieben zwei, fünf fünf fünf.",
        ),
        "screening": ("Hallo, ich nehme den Anruf entgegen. Bitte nennen Sie Ihren Namen und Ihr Anliegen.",),
        "ivr": (
            "Willkommen bei der Nordbank. Für Konten drücken Sie die Eins.",
            "Bitte geben Sie Ihre Kundennummer ein.",
            "Alle Plätze sind belegt, bitte warten Sie.",
        ),
        "announcement": (
            "Kein Anschluss unter dieser Nummer.",
            "Diese Rufnummer ist uns nicht bekannt.",
            "Der Teilnehmer ist vorübergehend nicht erreichbar.",
        ),
    },
    "fr": {
        "human": (
            "Allô ?",
            "Oui allô ?",
            "Oui ?",
            "Bonjour.",
            "Allô, qui est à l'appareil ?",
            "Dupont, bonjour.",
            "Oui, je vous écoute.",
            "Cabinet du docteur Martin, bonjour, que puis-je faire pour vous ?",
            "Allô oui, je suis au volant, je peux vous rappeler ?",
        ),
        "machine": (
            "Bonjour, vous êtes bien chez Paul et Marie. Laissez-nous un message après le bip.",
            "Votre correspondant n'est pas joignable. Laissez un message.",
            "Bonjour, nos bureaux sont actuellement fermés.",
            "Salut, c'est Julie, je ne suis pas là, laisse un message.",
        ),
        "screening": ("Bonjour, la personne que vous appelez filtre ses appels. Merci d'indiquer votre nom et le motif de votre appel.",),
        "ivr": (
            "Bienvenue à la Banque du Nord. Pour vos comptes, tapez un.",
            "Veuillez saisir votre numéro de client.",
            "Toutes nos lignes sont occupées, veuillez patienter.",
        ),
        "announcement": (
            "Le numéro que vous avez demandé n'est pas attribué.",
            "Votre correspondant est injoignable, veuillez renouveler votre appel.",
        ),
    },
    "es": {
        "human": (
            "¿Diga?",
            "¿Sí?",
            "Hola.",
            "¿Bueno?",
            "¿Aló?",
            "Dígame.",
            "Hola, ¿quién habla?",
            "Sí, soy yo.",
            "Taller Ramírez, buenos días.",
            "Clínica del Sur, le atiende Carmen, ¿en qué puedo ayudarle?",
            "Hola, ahora no puedo, ¿me llama luego?",
        ),
        "machine": (
            "Hola, has llamado a casa de Juan. Deja tu mensaje después de la señal.",
            "El número marcado no se encuentra disponible. Deje su mensaje.",
            "Gracias por llamar. Nuestro horario es de nueve a cinco.",
            "Soy Ana, ahora no puedo atenderte, deja un mensaje.",
        ),
        "screening": ("Hola, la persona a la que llama filtra sus llamadas. Diga su nombre y el motivo.",),
        "ivr": (
            "Bienvenido al Banco del Norte. Para cuentas, marque uno.",
            "Introduzca su número de cliente.",
            "Todos los agentes están ocupados, espere por favor.",
        ),
        "announcement": ("El número que usted marcó no existe.", "El teléfono al que llama está apagado o fuera de cobertura."),
    },
    "it": {
        "human": (
            "Pronto?",
            "Sì, pronto.",
            "Pronto, chi parla?",
            "Sì?",
            "Studio Rossi, buongiorno.",
            "Pronto, sono Marco, mi dica.",
            "Officina Verdi, come posso aiutarla?",
        ),
        "machine": (
            "Risponde la segreteria telefonica di Marco. Lasciate un messaggio dopo il segnale acustico.",
            "Ciao, non sono in casa, lascia un messaggio.",
            "I nostri uffici sono chiusi. Richiamate dalle nove alle cinque.",
        ),
        "ivr": ("Benvenuti alla Banca del Nord. Per i conti, premere uno.", "Digitare il codice cliente."),
        "announcement": ("Il numero da lei chiamato è inesistente.", "Il cliente da lei chiamato non è al momento raggiungibile."),
    },
    "ru": {
        "human": (
            "Алло?",
            "Да?",
            "Алло, слушаю.",
            "Да, слушаю вас.",
            "Алло, кто это?",
            "Иванов, слушаю.",
            "Добрый день, фирма Север, чем могу помочь?",
        ),
        "machine": (
            "Здравствуйте, вы позвонили Ивану. Оставьте сообщение после сигнала.",
            "Абонент не может ответить. Оставьте сообщение.",
            "Сейчас меня нет дома, перезвоните позже.",
        ),
        "ivr": (
            "Добро пожаловать в Северный банк. Нажмите один.",
            "Введите номер договора.",
            "Все операторы заняты, оставайтесь на линии.",
        ),
        "announcement": ("Набранный вами номер не существует.", "Аппарат абонента выключен или находится вне зоны действия сети."),
    },
    "pt": {
        "human": ("Alô?", "Sim?", "Está lá?", "Alô, quem fala?", "Oi.", "Clínica Silva, bom dia, em que posso ajudar?", "Estou, diga."),
        "machine": (
            "Olá, ligou para a casa do João. Deixe a sua mensagem após o sinal.",
            "Sua chamada está sendo encaminhada para a caixa postal.",
        ),
        "ivr": ("Bem-vindo ao Banco do Norte. Para contas, digite um.", "Digite o número do seu contrato."),
        "announcement": ("O número que marcou não está atribuído.", "Este telefone está desligado ou fora da área de cobertura."),
    },
}
BASES = {
    "en": ("en-us", "en-gb", "en-gb-scotland", "en-029"),
    "zh": ("cmn",),
    "de": ("de",),
    "fr": ("fr", "fr-be"),
    "es": ("es", "es-419"),
    "it": ("it",),
    "ru": ("ru",),
    "pt": ("pt", "pt-br"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One thing to be spoken."""

    label: str
    sublabel: str
    language: str
    voice: str
    text: str


def lines(per_voice: int, rng: np.random.Generator) -> Iterator[Line]:
    """*per_voice* people's answers and as many machines of every voice."""
    voices = [(language, base, f"espeak-{base}+{variant}") for language, bases in BASES.items() for base in bases for variant in VARIANTS]
    rng.shuffle(voices)
    voices = voices[:150] + [("en", "flite", f"flite-{name}") for name in FLITE for _ in range(3)]
    for language, _, voice in voices:
        texts = TEXTS[language]
        for text in rng.choice(texts["human"], per_voice):
            yield Line("human", "", language, voice, str(text))
        for _ in range(per_voice):
            label = str(rng.choice(["machine", "ivr", "announcement", SCREENING], p=[0.6, 0.16, 0.18, 0.06]))
            if label not in texts:
                label = "machine"
            text = str(rng.choice(texts[label]))
            yield Line("machine" if label == SCREENING else label, SCREENING if label == SCREENING else "", language, voice, text)


def speak(line: Line, rng: np.random.Generator) -> NDArray[np.float32]:
    """The line's audio, -1 to 1, at :data:`RATE`.

    Raises:
        RuntimeError: The synthesizer failed; the message is its own.
    """
    if line.voice.startswith("flite-"):
        name = line.voice.removeprefix("flite-")
        rate = f"duration_stretch={rng.uniform(0.8, 1.15):.2f}"
        command = ["flite", "-voice", name, "--setf", rate, "-t", line.text, "-o", "/dev/stdout"]
    else:
        voice = line.voice.removeprefix("espeak-")
        speed, pitch = int(rng.integers(120, 205)), int(rng.integers(25, 75))
        command = ["espeak-ng", "-v", voice, "-s", str(speed), "-p", str(pitch), "--stdout", "--", line.text]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode or len(done.stdout) < 200:
        raise RuntimeError(f"{command[0]} ({line.voice}): {done.stderr.decode(errors='replace').strip() or 'no audio'}")
    data = bytearray(done.stdout)
    size = len(data)
    data[4:8] = (size - 8).to_bytes(4, "little")  # written to a pipe, the lengths are not known
    at = data.find(b"data")
    data[at + 4 : at + 8] = (size - at - 8).to_bytes(4, "little")
    x, rate_hz = soundfile.read(io.BytesIO(bytes(data)), dtype="float32")
    return resample(x, rate_hz)


def resample(x: NDArray[np.float32], rate_hz: int) -> NDArray[np.float32]:
    """To 8 kHz, by the spectrum."""
    n = round(len(x) * RATE / rate_hz)
    spectrum = np.fft.rfft(x)[: n // 2 + 1]
    spectrum[int(len(spectrum) * 0.93) :] = 0
    return (np.fft.irfft(spectrum, n) * (n / len(x))).astype(np.float32)


def generate(out: Path, seed: int = 1, per_voice: int = 6, progress: Callable[[int], None] = lambda _: None) -> int:
    """Write the folder; returns the number of clips.

    Raises:
        RuntimeError: ``espeak-ng`` is not installed, or spoke nothing.
    """
    if not shutil.which("espeak-ng"):
        raise RuntimeError("espeak-ng is not installed (Debian: apt-get install espeak-ng flite)")
    rng = np.random.default_rng(seed)
    out.mkdir(parents=True, exist_ok=True)
    rows = []
    for number, line in enumerate(lines(per_voice, rng)):
        if line.voice.startswith("flite-") and not shutil.which("flite"):
            continue
        x = speak(line, rng)
        x *= 0.4 / max(float(np.abs(x).max()), 1e-4)
        name = f"{number:05d}-{line.label}-{line.language}.wav"
        soundfile.write(out / name, x, RATE, subtype="ALAW")
        loud = np.flatnonzero(np.abs(x) > 0.02)
        rows.append(
            {
                "path": name,
                "label": line.label,
                "sublabel": line.sublabel,
                "seconds": f"{len(x) / RATE:.3f}",
                "language": line.language,
                "kind": "synthetic",
                "source": SOURCE,
                "voice": line.voice,
                "onset_s": f"{loud[0] / RATE:.2f}",
                "offset_s": f"{loud[-1] / RATE:.2f}",
                "text": line.text,
            }
        )
        progress(number)
    with (out / "manifest.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return len(rows)
