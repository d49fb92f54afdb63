# shellcheck shell=sh
# For the scripts beside this one: where tmux is, and what a terminal's name looks like.
socket=/run/heddle/tmux

# ttyd ends a connection with its program and forgets what it has not read by then.
linger() {
    sleep 0.2
}

# check_name ARGUMENTS: ends the script unless there is exactly one and it is a terminal's name.
check_name() {
    if [ $# -eq 1 ]; then
        case $1 in
        claude | shell-[1-9] | shell-[1-9][0-9] | shell-[1-9][0-9][0-9] | shell-[1-9][0-9][0-9][0-9]) return ;;
        esac
    fi
    echo "Heddle: there is no such terminal." >&2
    linger
    exit 64
}

in_tmux() {
    tmux -u -S "$socket" -f /opt/heddle/tmux.conf "$@"
}

# tell_end NAME: when the session is over, though tmux is not, its program has ended: the page may close the tab.
tell_end() {
    in_tmux has-session -t "=$1" 2>/dev/null && return
    in_tmux show-options -s exit-empty >/dev/null 2>&1 || return
    printf '\033]7777;ended\007'
    linger
}
