# Completion of holdfastctl's command line for fish.
complete -c holdfastctl -f
complete -c holdfastctl -n __fish_use_subcommand -a status -d 'how the instances are'
complete -c holdfastctl -n __fish_use_subcommand -a reload -d 'read the configuration anew'
complete -c holdfastctl -n __fish_use_subcommand -a upgrade -d 'put the program on disk in place'
complete -c holdfastctl -n __fish_use_subcommand -a dump -d 'print data, stats or json'
complete -c holdfastctl -n '__fish_seen_subcommand_from dump' -a 'data stats json'
complete -c holdfastctl -n '__fish_seen_subcommand_from status' -a "(holdfastctl status 2>/dev/null | sed -n '/^INSTANCE/,\$ { /^INSTANCE/d; s/ .*//p; }')"
complete -c holdfastctl -s s -l socket -r -F -d 'the control socket'
complete -c holdfastctl -s j -l json -d 'with status: as JSON'
complete -c holdfastctl -s c -l clear -d 'with dump stats: the counters begin anew'
complete -c holdfastctl -s t -l timeout -x -d 'how long to wait'
complete -c holdfastctl -s h -l help -d 'print a short help'
complete -c holdfastctl -s v -l version -d 'print the version'
