"""The edge's own pages in Portuguese, by the sentences of `pages.py`; programs and logs read English."""

from collections.abc import Mapping
from typing import Final

SENTENCES: Final[Mapping[str, str]] = {
    "If you need more time, ask {contact}.": "Se precisar de mais tempo, fale com {contact}.",
    "Open it again from the catalog.": "Abra-a de novo a partir do catálogo.",
    "Questions? Ask {contact}.": "Dúvidas? Fale com {contact}.",
    "The catalog shows when. Questions? Ask {contact}.": "O catálogo mostra quando. Dúvidas? Fale com {contact}.",
    "Try again later, or ask {contact}.": "Tente mais tarde, ou fale com {contact}.",
    "This page looks again by itself.": "Esta página volta a tentar sozinha.",
    "Sign in to the catalog and open it again.": "Entre no catálogo e abra-a de novo.",
    "Open it again from the catalog, or ask {contact}.": "Abra-a de novo a partir do catálogo, ou fale com {contact}.",
    "Open the demo from the catalog.": "Abra a demonstração a partir do catálogo.",
    "Sign in there and open it.": "Entre lá e abra-a.",
    "Try again, or open it again from the catalog.": "Tente de novo, ou abra-a de novo a partir do catálogo.",
    "Close some of its pages, then try again.": "Feche algumas das suas páginas e tente de novo.",
    "Your access was withdrawn": "O seu acesso foi retirado",
    "Your access to these demos has been withdrawn.": "O seu acesso a estas demonstrações foi retirado.",
    "Your access has not begun": "O seu acesso ainda não começou",
    "Your access to the demos begins later.": "O seu acesso às demonstrações começa mais tarde.",
    "Your access has ended": "O seu acesso terminou",
    "The time for which you had access is over.": "O tempo para o qual tinha acesso acabou.",
    "This demo is not shared with you any more": "Esta demonstração já não está partilhada consigo",
    "Access to {demo} has been withdrawn.": "O acesso a {demo} foi retirado.",
    "This demo is gone": "Esta demonstração já não existe",
    "{demo} has been removed from the catalog.": "{demo} foi removida do catálogo.",
    "This demo is under maintenance": "Esta demonstração está em manutenção",
    "{demo} is not served just now.": "{demo} não está disponível neste momento.",
    "You are signed out": "A sua sessão terminou",
    "The session in which this demo was opened is over.": "A sessão em que esta demonstração foi aberta acabou.",
    "The demo is starting": "A demonstração está a arrancar",
    "{demo} will be here in a moment.": "{demo} estará aqui dentro de momentos.",
    "The demo has been stopped": "A demonstração foi parada",
    "This copy of {demo} is not running any more. {detail}": "Esta cópia de {demo} já não está a correr. {detail}",
    "The demo could not be started": "Não foi possível arrancar a demonstração",
    "{demo} did not start. {detail}": "{demo} não arrancou. {detail}",
    "There is nothing here": "Não há nada aqui",
    "No demo has this address.": "Nenhuma demonstração tem este endereço.",
    "Please come in through the catalog": "Entre pelo catálogo, por favor",
    "A demo is opened from the catalog.": "Uma demonstração abre-se a partir do catálogo.",
    "This link has been used": "Esta ligação já foi usada",
    "The way in works once, and for half a minute.": "A entrada funciona uma vez, e durante meio minuto.",
    "This was asked by another site": "Isto foi pedido por outro site",
    "Only the demo's own pages may do this.": "Só as páginas da própria demonstração o podem fazer.",
    "No service workers here": "Aqui não há service workers",
    "A service worker would go on answering in the browser after access has ended.": (
        "Um service worker continuaria a responder no navegador depois de o acesso terminar."
    ),
    "The demo runs without it.": "A demonstração corre sem ele.",
    "The catalog does not answer": "O catálogo não responde",
    "Without it nobody can say whether this demo may be shown.": (
        "Sem ele ninguém pode dizer se esta demonstração pode ser mostrada."
    ),
    "Just a moment": "Só um momento",
    "This service has only just started.": "Este serviço acabou de arrancar.",
    "The demo does not answer": "A demonstração não responde",
    "{demo} is running, but gives no answer.": "{demo} está a correr, mas não responde.",
    "The demo takes too long": "A demonstração demora demasiado",
    "{demo} gave no answer in time.": "{demo} não respondeu a tempo.",
    "Too many connections": "Demasiadas ligações",
    "There are more connections to this copy of {demo} than it may have.": (
        "Há mais ligações a esta cópia de {demo} do que pode haver."
    ),
    "Too many requests": "Demasiados pedidos",
    "{demo} is asked faster than it may be.": "{demo} recebe pedidos mais depressa do que pode.",
    "This service is restarting.": "Este serviço está a reiniciar.",
    # Around them.
    "whoever invited you": "quem o convidou",
    "the demo": "a demonstração",
    "Back to the catalog": "Voltar ao catálogo",
    "Start again": "Começar de novo",
    "Write to {contact}": "Escrever a {contact}",
}


def in_language(sentence: str, accepted: bytes) -> str:
    """The sentence for whoever sent this `Accept-Language`: in Portuguese where that comes before English."""
    return SENTENCES.get(sentence, sentence) if reads_portuguese(accepted) else sentence


def reads_portuguese(accepted: bytes) -> bool:
    """Whether the first of our two languages that is asked for is Portuguese (RFC 9110, 12.5.4)."""
    wanted = (part.split(b";")[0].strip().lower()[:2] for part in accepted.split(b","))
    return next((language for language in wanted if language in (b"en", b"pt")), b"en") == b"pt"
