# Completion of holdfastctl's command line for bash.
_holdfastctl() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev= word command=
	COMPREPLY=()
	((COMP_CWORD > 0)) && prev=${COMP_WORDS[COMP_CWORD - 1]}
	for word in "${COMP_WORDS[@]:1:COMP_CWORD - 1}"; do
		case $word in status | reload | upgrade | dump) command=$word ;; esac
	done
	case $prev in
	-s | --socket)
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
		;;
	-t | --timeout)
		return
		;;
	esac
	if [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W '--socket --json --clear --timeout --help --version -s -j -c -t -h -v' -- "$cur")
	elif [[ -z $command ]]; then
		mapfile -t COMPREPLY < <(compgen -W 'status reload upgrade dump' -- "$cur")
	elif [[ $command == dump ]]; then
		mapfile -t COMPREPLY < <(compgen -W 'data stats json' -- "$cur")
	elif [[ $command == status ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(holdfastctl status 2>/dev/null | sed -n '/^INSTANCE/,$ { /^INSTANCE/d; s/ .*//p; }')" -- "$cur")
	fi
}

complete -F _holdfastctl holdfastctl
