"""The common emoji by their Slack names. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_TABLE = """
+1 👍|thumbsup 👍|-1 👎|thumbsdown 👎|eyes 👀|wave 👋|clap 👏|raised_hands 🙌|pray 🙏|muscle 💪|ok_hand 👌|point_right 👉
point_left 👈|point_up ☝️|point_down 👇|v ✌️|writing_hand ✍️|handshake 🤝|raised_hand ✋|heart ❤️|broken_heart 💔|100 💯
smile 😄|smiley 😃|grin 😁|grinning 😀|joy 😂|sweat_smile 😅|slightly_smiling_face 🙂|wink 😉|blush 😊|thinking_face 🤔
sunglasses 😎|sob 😭|cry 😢|scream 😱|upside_down_face 🙃|neutral_face 😐|confused 😕|sleeping 😴|exploding_head 🤯|facepalm 🤦
robot_face 🤖|ghost 👻|skull 💀|alien 👽|tada 🎉|confetti_ball 🎊|rocket 🚀|fire 🔥|sparkles ✨|star ⭐|zap ⚡|boom 💥|bulb 💡
white_check_mark ✅|heavy_check_mark ✔️|ballot_box_with_check ☑️|x ❌|negative_squared_cross_mark ❎|warning ⚠️|no_entry ⛔
no_entry_sign 🚫|octagonal_sign 🛑|exclamation ❗|question ❓|grey_question ❔|information_source ℹ️|rotating_light 🚨
hourglass ⌛|hourglass_flowing_sand ⏳|stopwatch ⏱️|alarm_clock ⏰|clock1 🕐|watch ⌚|calendar 📅|date 📅
arrow_forward ▶️|black_square_for_stop ⏹️|double_vertical_bar ⏸️|arrows_counterclockwise 🔄|repeat 🔁|arrow_right ➡️|arrow_left ⬅️
arrow_up ⬆️|arrow_down ⬇️|twisted_rightwards_arrows 🔀|fast_forward ⏩|link 🔗|paperclip 📎|pushpin 📌|lock 🔒|unlock 🔓|key 🔑
hammer 🔨|wrench 🔧|hammer_and_wrench 🛠️|gear ⚙️|construction 🚧|package 📦|bug 🐛|beetle 🐞|mag 🔍|mag_right 🔎|microscope 🔬
test_tube 🧪|computer 💻|keyboard ⌨️|desktop_computer 🖥️|floppy_disk 💾|file_folder 📁|open_file_folder 📂|memo 📝|pencil 📝
pencil2 ✏️|scroll 📜|page_facing_up 📄|clipboard 📋|bar_chart 📊|chart_with_upwards_trend 📈|books 📚|book 📖|bookmark 🔖|label 🏷️
inbox_tray 📥|outbox_tray 📤|email ✉️|envelope ✉️|bell 🔔|no_bell 🔕|speech_balloon 💬|thought_balloon 💭|mega 📣|loudspeaker 📢
thread 🧵|yarn 🧶|broom 🧹|wastebasket 🗑️|recycle ♻️|seedling 🌱|herb 🌿|deciduous_tree 🌳|sunny ☀️|cloud ☁️|snowflake ❄️|coffee ☕
beers 🍻|cake 🍰|birthday 🎂|checkered_flag 🏁|triangular_flag_on_post 🚩|moneybag 💰|dollar 💵|credit_card 💳|dart 🎯|trophy 🏆
large_green_circle 🟢|large_yellow_circle 🟡|large_blue_circle 🔵|red_circle 🔴|white_circle ⚪|black_circle ⚫|large_orange_circle 🟠
large_green_square 🟩|large_red_square 🟥|heavy_minus_sign ➖|heavy_plus_sign ➕|ship 🚢|whale 🐳|crab 🦀|snake 🐍|octopus 🐙|turtle 🐢
"""
EMOJI: Mapping[str, str] = MappingProxyType(
    dict(item.rsplit(" ", 1) for line in _TABLE.strip().splitlines() for item in line.split("|"))
)


def glyph(name: str) -> str:
    """The character for a name (skin tones put aside), or `:name:` where it is none of the common ones."""
    return EMOJI.get(name.partition("::")[0], f":{name}:")
