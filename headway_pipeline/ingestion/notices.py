"""Messages to people outside: a POST of one text to an incoming webhook, as Slack and many others take it.

Form: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
"""

__all__ = ["deliver"]

TIMEOUT_S = 10.0


def deliver(url: str, text: str) -> str | None:
    """Send one message.

    Args:
        url: of the webhook. Whoever has it may write into the channel, so it is in no word that is returned.
        text: plain; what would be markup is escaped.

    Returns:
        None where it was taken, else what happened, in words.
    """
    import requests

    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    try:
        # Another host has no business with what is told to this one.
        answer = requests.post(url, json={"text": escaped}, timeout=TIMEOUT_S, allow_redirects=False)
    except requests.RequestException as error:
        return f"it cannot be reached ({type(error).__name__})"
    return None if answer.ok and not answer.is_redirect else f"it answers {answer.status_code}"
