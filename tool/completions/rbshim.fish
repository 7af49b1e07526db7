# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_rbshim_global_optspecs
    string join \n h/help V/version
end

function __fish_rbshim_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_rbshim_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_rbshim_using_subcommand
    set -l cmd (__fish_rbshim_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c rbshim -n "__fish_rbshim_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rbshim -n "__fish_rbshim_needs_command" -s V -l version -d 'Print version'
complete -c rbshim -n "__fish_rbshim_needs_command" -f -a "run" -d 'Run a program with the library, so that it loses no wake-up'
complete -c rbshim -n "__fish_rbshim_needs_command" -f -a "check" -d 'Say whether a program or process reads ring buffers, and what of rbshim reaches it'
complete -c rbshim -n "__fish_rbshim_needs_command" -f -a "top" -d 'Show every ring buffer: how full, who reads, stuck or not'
complete -c rbshim -n "__fish_rbshim_needs_command" -f -a "kick" -d 'Wake a reader that sleeps on data'
complete -c rbshim -n "__fish_rbshim_needs_command" -f -a "watch" -d 'Watch all rings, and wake the readers that are stuck'
complete -c rbshim -n "__fish_rbshim_needs_command" -f -a "guard" -d 'Keep one process from ever sleeping on data'
complete -c rbshim -n "__fish_rbshim_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rbshim -n "__fish_rbshim_using_subcommand run" -l linger-us -d 'Longest time that a poll spins for one ring at a time' -r
complete -c rbshim -n "__fish_rbshim_using_subcommand run" -l coalesce-us -d 'Longest time that a poll sleeps while records come' -r
complete -c rbshim -n "__fish_rbshim_using_subcommand run" -l poll-max-ms -d 'Longest time that a poll goes on while records come' -r
complete -c rbshim -n "__fish_rbshim_using_subcommand run" -l library -d 'The library, if it is not where packages put it' -r -F
complete -c rbshim -n "__fish_rbshim_using_subcommand run" -l front -d 'The front, if it is not where packages put it' -r -F
complete -c rbshim -n "__fish_rbshim_using_subcommand run" -l stats -d 'Count, and print the counters of each ring on stderr'
complete -c rbshim -n "__fish_rbshim_using_subcommand run" -l verbose -d 'Print one line on stderr when the first ring is opened'
complete -c rbshim -n "__fish_rbshim_using_subcommand run" -l busy-poll -d 'Polls with a timeout spin and never sleep'
complete -c rbshim -n "__fish_rbshim_using_subcommand run" -l force -d 'Run the command even where the library cannot reach it, for the sake of what it starts'
complete -c rbshim -n "__fish_rbshim_using_subcommand run" -s h -l help -d 'Print help'
complete -c rbshim -n "__fish_rbshim_using_subcommand check" -l json -d 'Print JSON'
complete -c rbshim -n "__fish_rbshim_using_subcommand check" -s h -l help -d 'Print help'
complete -c rbshim -n "__fish_rbshim_using_subcommand top" -l interval -d 'Time between two looks; what has not moved for so long may be stuck' -r
complete -c rbshim -n "__fish_rbshim_using_subcommand top" -l once -d 'Print a table once, and end'
complete -c rbshim -n "__fish_rbshim_using_subcommand top" -l json -d 'Print JSON once, and end'
complete -c rbshim -n "__fish_rbshim_using_subcommand top" -l prometheus -d 'Print Prometheus\'s text format once, and end'
complete -c rbshim -n "__fish_rbshim_using_subcommand top" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rbshim -n "__fish_rbshim_using_subcommand kick" -l name -d 'With --stuck: only rings whose maps have this name; may be given several times' -r
complete -c rbshim -n "__fish_rbshim_using_subcommand kick" -l stuck-after -d 'With --stuck: what has not moved for so long' -r
complete -c rbshim -n "__fish_rbshim_using_subcommand kick" -l stuck -d 'All rings whose readers are stuck'
complete -c rbshim -n "__fish_rbshim_using_subcommand kick" -l suspected -d 'With --stuck: also those that are only suspected'
complete -c rbshim -n "__fish_rbshim_using_subcommand kick" -s h -l help -d 'Print help'
complete -c rbshim -n "__fish_rbshim_using_subcommand watch" -l name -d 'Only rings whose maps have this name; may be given several times' -r
complete -c rbshim -n "__fish_rbshim_using_subcommand watch" -l interval -d 'Time between two looks' -r
complete -c rbshim -n "__fish_rbshim_using_subcommand watch" -l stuck-after -d 'A reader is stuck when it has slept on the same record for so long' -r
complete -c rbshim -n "__fish_rbshim_using_subcommand watch" -l kick -d 'Wake the readers that are stuck'
complete -c rbshim -n "__fish_rbshim_using_subcommand watch" -l suspected -d 'With --kick: also where the ring is not full, so that a producer may only be batching with BPF_RB_NO_WAKEUP'
complete -c rbshim -n "__fish_rbshim_using_subcommand watch" -s h -l help -d 'Print help'
complete -c rbshim -n "__fish_rbshim_using_subcommand guard" -l interval -d 'Time between two looks at how the process waits, and for new rings' -r
complete -c rbshim -n "__fish_rbshim_using_subcommand guard" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rbshim -n "__fish_rbshim_using_subcommand help; and not __fish_seen_subcommand_from run check top kick watch guard help" -f -a "run" -d 'Run a program with the library, so that it loses no wake-up'
complete -c rbshim -n "__fish_rbshim_using_subcommand help; and not __fish_seen_subcommand_from run check top kick watch guard help" -f -a "check" -d 'Say whether a program or process reads ring buffers, and what of rbshim reaches it'
complete -c rbshim -n "__fish_rbshim_using_subcommand help; and not __fish_seen_subcommand_from run check top kick watch guard help" -f -a "top" -d 'Show every ring buffer: how full, who reads, stuck or not'
complete -c rbshim -n "__fish_rbshim_using_subcommand help; and not __fish_seen_subcommand_from run check top kick watch guard help" -f -a "kick" -d 'Wake a reader that sleeps on data'
complete -c rbshim -n "__fish_rbshim_using_subcommand help; and not __fish_seen_subcommand_from run check top kick watch guard help" -f -a "watch" -d 'Watch all rings, and wake the readers that are stuck'
complete -c rbshim -n "__fish_rbshim_using_subcommand help; and not __fish_seen_subcommand_from run check top kick watch guard help" -f -a "guard" -d 'Keep one process from ever sleeping on data'
complete -c rbshim -n "__fish_rbshim_using_subcommand help; and not __fish_seen_subcommand_from run check top kick watch guard help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
