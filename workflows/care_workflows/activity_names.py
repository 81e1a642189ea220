"""The names of the activities. Workflow histories contain them, so they must not change."""

from typing import Final

CHECK_RECOVERY: Final = "check_recovery"
POST_REPLY: Final = "post_reply"
READ_REPLY: Final = "read_reply"
RETRACT_REPLY: Final = "retract_reply"
UNLOCK_CHAT: Final = "unlock_chat"
EXPIRE_FORM: Final = "expire_form"
EXPIRE_FORM_NOW: Final = "expire_form_now"

ASK_DELIVERY: Final = "ask_delivery"
SEND_MESSAGE: Final = "send_message"
CHECK_MESSAGE: Final = "check_message"

GET_NEXT_DEADLINE: Final = "get_next_deadline"
FIRE_DEADLINE: Final = "fire_deadline"
