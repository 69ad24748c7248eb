# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_miraclemax_global_optspecs
    string join \n c/config= state-dir= deadline= q/quiet v/verbose color= output= h/help V/version
end

function __fish_miraclemax_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_miraclemax_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_miraclemax_using_subcommand
    set -l cmd (__fish_miraclemax_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c miraclemax -n "__fish_miraclemax_needs_command" -s c -l config -d 'Configuration file [default: /etc/miraclemax/config.toml for root, else $XDG_CONFIG_HOME/miraclemax/config.toml]' -r -F
complete -c miraclemax -n "__fish_miraclemax_needs_command" -l state-dir -d 'State directory [default: /var/lib/miraclemax for root, else $XDG_STATE_HOME/miraclemax]' -r -f -a "(__fish_complete_directories)"
complete -c miraclemax -n "__fish_miraclemax_needs_command" -l deadline -d 'End the run by then, whatever hangs: 90s, 4m [default: the config\'s `deadline`, else 4m]' -r
complete -c miraclemax -n "__fish_miraclemax_needs_command" -l color -d 'Colour the output; NO_COLOR and CLICOLOR_FORCE are honoured' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c miraclemax -n "__fish_miraclemax_needs_command" -l output -d 'Write the output to FILE instead; a reader of FILE never sees half of it' -r -F
complete -c miraclemax -n "__fish_miraclemax_needs_command" -s q -l quiet -d 'Print nothing unless something is wrong'
complete -c miraclemax -n "__fish_miraclemax_needs_command" -s v -l verbose -d 'Say more: every probe, every step'
complete -c miraclemax -n "__fish_miraclemax_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c miraclemax -n "__fish_miraclemax_needs_command" -s V -l version -d 'Print version'
complete -c miraclemax -n "__fish_miraclemax_needs_command" -f -a "check" -d 'Look at the services once, or at probes given on the spot'
complete -c miraclemax -n "__fish_miraclemax_needs_command" -f -a "heal" -d 'Look, heal what is down, prove it, report it'
complete -c miraclemax -n "__fish_miraclemax_needs_command" -f -a "ping" -d 'Tell a dead man\'s switch how things are, or run a job and tell how it went'
complete -c miraclemax -n "__fish_miraclemax_needs_command" -f -a "stale" -d 'Say whether the own state, a file or a URL is still being renewed'
complete -c miraclemax -n "__fish_miraclemax_needs_command" -f -a "status" -d 'Say what is remembered, without looking'
complete -c miraclemax -n "__fish_miraclemax_using_subcommand check" -s c -l config -d 'Configuration file [default: /etc/miraclemax/config.toml for root, else $XDG_CONFIG_HOME/miraclemax/config.toml]' -r -F
complete -c miraclemax -n "__fish_miraclemax_using_subcommand check" -l state-dir -d 'State directory [default: /var/lib/miraclemax for root, else $XDG_STATE_HOME/miraclemax]' -r -f -a "(__fish_complete_directories)"
complete -c miraclemax -n "__fish_miraclemax_using_subcommand check" -l deadline -d 'End the run by then, whatever hangs: 90s, 4m [default: the config\'s `deadline`, else 4m]' -r
complete -c miraclemax -n "__fish_miraclemax_using_subcommand check" -l color -d 'Colour the output; NO_COLOR and CLICOLOR_FORCE are honoured' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c miraclemax -n "__fish_miraclemax_using_subcommand check" -l output -d 'Write the output to FILE instead; a reader of FILE never sees half of it' -r -F
complete -c miraclemax -n "__fish_miraclemax_using_subcommand check" -l preview -d 'With --self: show what each channel would be told of such a change, whole but for its secrets, and who would not be told and why' -r -f -a "down\t''
failed\t''
resolved\t''
reminder\t''
reboot\t''
repeated\t''
escalated\t''
returned\t''
unwatched\t''
restarted\t''
gap\t''
hold\t''
channel\t''
config\t''
summary\t''
test\t''
waiting\t''"
complete -c miraclemax -n "__fish_miraclemax_using_subcommand check" -l retry-for -d 'Look again for up to this long until all is well, as a script does that has just deployed; then look as ever, and that look counts. The deadline is extended by it' -r
complete -c miraclemax -n "__fish_miraclemax_using_subcommand check" -s o -l format -d 'How to write the result' -r -f -a "text\t'For people'
json\t'For programs: the same words as keys'
nagios\t'As a monitoring plugin, for Nagios and Icinga: a status line with performance data, details below it; what would end with 64, 75 or 78 is UNKNOWN and ends with 3'"
complete -c miraclemax -n "__fish_miraclemax_using_subcommand check" -l wait -d 'Wait this long for another run to end [default: 10s on a terminal, else 0s]' -r
complete -c miraclemax -n "__fish_miraclemax_using_subcommand check" -s q -l quiet -d 'Print nothing unless something is wrong'
complete -c miraclemax -n "__fish_miraclemax_using_subcommand check" -s v -l verbose -d 'Say more: every probe, every step'
complete -c miraclemax -n "__fish_miraclemax_using_subcommand check" -l notify -d 'Tell the configured channels when a service has gone down, for those who want alerts and no healing'
complete -c miraclemax -n "__fish_miraclemax_using_subcommand check" -l dry-run -d 'Only read and check the configuration; looks at nothing'
complete -c miraclemax -n "__fish_miraclemax_using_subcommand check" -l discover -d 'Print a commented configuration for what runs here: units, programs and containers with their ports. Best as root, who sees whose each port is'
complete -c miraclemax -n "__fish_miraclemax_using_subcommand check" -l merge -d 'Print the present configuration instead, unchanged, and after it only the services that it lacks'
complete -c miraclemax -n "__fish_miraclemax_using_subcommand check" -l self -d 'Check this program\'s own installation instead: config, secrets, state, what runs it at times, channels, heartbeats, clock; worst first, each with what to type'
complete -c miraclemax -n "__fish_miraclemax_using_subcommand check" -l send-test -d 'With --self: send a message marked as a test through every channel, whatever it is asked to tell, and a note to every heartbeat that takes one without counting it; say what each answers'
complete -c miraclemax -n "__fish_miraclemax_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c miraclemax -n "__fish_miraclemax_using_subcommand heal" -s c -l config -d 'Configuration file [default: /etc/miraclemax/config.toml for root, else $XDG_CONFIG_HOME/miraclemax/config.toml]' -r -F
complete -c miraclemax -n "__fish_miraclemax_using_subcommand heal" -l state-dir -d 'State directory [default: /var/lib/miraclemax for root, else $XDG_STATE_HOME/miraclemax]' -r -f -a "(__fish_complete_directories)"
complete -c miraclemax -n "__fish_miraclemax_using_subcommand heal" -l deadline -d 'End the run by then, whatever hangs: 90s, 4m [default: the config\'s `deadline`, else 4m]' -r
complete -c miraclemax -n "__fish_miraclemax_using_subcommand heal" -l color -d 'Colour the output; NO_COLOR and CLICOLOR_FORCE are honoured' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c miraclemax -n "__fish_miraclemax_using_subcommand heal" -l output -d 'Write the output to FILE instead; a reader of FILE never sees half of it' -r -F
complete -c miraclemax -n "__fish_miraclemax_using_subcommand heal" -l hold -d 'Heal nothing, and keep hands off these services (all when none is named) for so long, 7d at most: they are looked at, but neither healed nor told of' -r
complete -c miraclemax -n "__fish_miraclemax_using_subcommand heal" -l reason -d 'Why, for everybody who sees that it is held' -r
complete -c miraclemax -n "__fish_miraclemax_using_subcommand heal" -l pid -d 'End the hold with this process, too' -r
complete -c miraclemax -n "__fish_miraclemax_using_subcommand heal" -s o -l format -d 'How to write the result' -r -f -a "text\t'For people'
json\t'For programs: the same words as keys'"
complete -c miraclemax -n "__fish_miraclemax_using_subcommand heal" -l wait -d 'Wait this long for another run to end [default: 10s on a terminal, else 0s]' -r
complete -c miraclemax -n "__fish_miraclemax_using_subcommand heal" -s q -l quiet -d 'Print nothing unless something is wrong'
complete -c miraclemax -n "__fish_miraclemax_using_subcommand heal" -s v -l verbose -d 'Say more: every probe, every step'
complete -c miraclemax -n "__fish_miraclemax_using_subcommand heal" -l dry-run -d 'Print what would be done and why, and do nothing'
complete -c miraclemax -n "__fish_miraclemax_using_subcommand heal" -l drill -d 'Prove the whole chain on a sacrificial service: started, broken, found, healed, verified, reported. Needs no configuration and touches none of yours'
complete -c miraclemax -n "__fish_miraclemax_using_subcommand heal" -l notify -d 'With --drill: prove as well that somebody is told. A letter marked DRILL goes to each configured channel, a note to each heartbeat; what does not accept it fails the drill, and those that work are told'
complete -c miraclemax -n "__fish_miraclemax_using_subcommand heal" -l until-healthy -d 'End the hold, too, when its services are healthy: up in `recover_after` runs after one was down, or in one run more when none was'
complete -c miraclemax -n "__fish_miraclemax_using_subcommand heal" -l release -d 'Heal nothing, and end the holds on these services, or all'
complete -c miraclemax -n "__fish_miraclemax_using_subcommand heal" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c miraclemax -n "__fish_miraclemax_using_subcommand ping" -s c -l config -d 'Configuration file [default: /etc/miraclemax/config.toml for root, else $XDG_CONFIG_HOME/miraclemax/config.toml]' -r -F
complete -c miraclemax -n "__fish_miraclemax_using_subcommand ping" -l state-dir -d 'State directory [default: /var/lib/miraclemax for root, else $XDG_STATE_HOME/miraclemax]' -r -f -a "(__fish_complete_directories)"
complete -c miraclemax -n "__fish_miraclemax_using_subcommand ping" -l deadline -d 'End the run by then, whatever hangs: 90s, 4m [default: the config\'s `deadline`, else 4m]' -r
complete -c miraclemax -n "__fish_miraclemax_using_subcommand ping" -l color -d 'Colour the output; NO_COLOR and CLICOLOR_FORCE are honoured' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c miraclemax -n "__fish_miraclemax_using_subcommand ping" -l output -d 'Write the output to FILE instead; a reader of FILE never sees half of it' -r -F
complete -c miraclemax -n "__fish_miraclemax_using_subcommand ping" -l exit-code -d 'Say with which exit status it ended; 0 is success' -r
complete -c miraclemax -n "__fish_miraclemax_using_subcommand ping" -l body -d 'Text to send; `-` reads it from standard input' -r
complete -c miraclemax -n "__fish_miraclemax_using_subcommand ping" -l rid -d 'Run id (a UUID) that pairs a start with its end' -r
complete -c miraclemax -n "__fish_miraclemax_using_subcommand ping" -l timeout -d 'End the command after this long: TERM, then KILL' -r
complete -c miraclemax -n "__fish_miraclemax_using_subcommand ping" -s o -l format -d 'How to write the result' -r -f -a "text\t'For people'
json\t'For programs: the same words as keys'"
complete -c miraclemax -n "__fish_miraclemax_using_subcommand ping" -s q -l quiet -d 'Print nothing unless something is wrong'
complete -c miraclemax -n "__fish_miraclemax_using_subcommand ping" -s v -l verbose -d 'Say more: every probe, every step'
complete -c miraclemax -n "__fish_miraclemax_using_subcommand ping" -l start -d 'Say that a job has started'
complete -c miraclemax -n "__fish_miraclemax_using_subcommand ping" -l fail -d 'Say that it failed'
complete -c miraclemax -n "__fish_miraclemax_using_subcommand ping" -l log -d 'Only leave a note; changes nothing at the other end'
complete -c miraclemax -n "__fish_miraclemax_using_subcommand ping" -l lock -d 'Start nothing while the command\'s run before this one has not ended: say so in a `--log` ping, and end with 75. By the heartbeat\'s name'
complete -c miraclemax -n "__fish_miraclemax_using_subcommand ping" -l quiet-on-success -d 'Print the command\'s output only if it fails: no mail from cron for a job that went well'
complete -c miraclemax -n "__fish_miraclemax_using_subcommand ping" -l no-start -d 'Send no start ping, only the end'
complete -c miraclemax -n "__fish_miraclemax_using_subcommand ping" -l register -d 'Make the check there, or change it to what the configuration says: name, period and grace or schedule, integrations, tags. Writes its URL to `url_file` if there is none yet. Needs `api_key_file`'
complete -c miraclemax -n "__fish_miraclemax_using_subcommand ping" -l force -d 'Make it anew even if the URL is that of a check which is gone or another\'s, and replace that URL'
complete -c miraclemax -n "__fish_miraclemax_using_subcommand ping" -l verify -d 'Read the check back: how it stands, and whether it expects what the configuration says'
complete -c miraclemax -n "__fish_miraclemax_using_subcommand ping" -l pause -d 'Pause the check there: it alerts nobody until it is pinged again'
complete -c miraclemax -n "__fish_miraclemax_using_subcommand ping" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c miraclemax -n "__fish_miraclemax_using_subcommand stale" -s c -l config -d 'Configuration file [default: /etc/miraclemax/config.toml for root, else $XDG_CONFIG_HOME/miraclemax/config.toml]' -r -F
complete -c miraclemax -n "__fish_miraclemax_using_subcommand stale" -l state-dir -d 'State directory [default: /var/lib/miraclemax for root, else $XDG_STATE_HOME/miraclemax]' -r -f -a "(__fish_complete_directories)"
complete -c miraclemax -n "__fish_miraclemax_using_subcommand stale" -l deadline -d 'End the run by then, whatever hangs: 90s, 4m [default: the config\'s `deadline`, else 4m]' -r
complete -c miraclemax -n "__fish_miraclemax_using_subcommand stale" -l color -d 'Colour the output; NO_COLOR and CLICOLOR_FORCE are honoured' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c miraclemax -n "__fish_miraclemax_using_subcommand stale" -l output -d 'Write the output to FILE instead; a reader of FILE never sees half of it' -r -F
complete -c miraclemax -n "__fish_miraclemax_using_subcommand stale" -l max-age -d 'How old it may be [default: 20m; for the own state the config\'s `fresh_for`]' -r
complete -c miraclemax -n "__fish_miraclemax_using_subcommand stale" -s q -l quiet -d 'Print nothing unless something is wrong'
complete -c miraclemax -n "__fish_miraclemax_using_subcommand stale" -s v -l verbose -d 'Say more: every probe, every step'
complete -c miraclemax -n "__fish_miraclemax_using_subcommand stale" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c miraclemax -n "__fish_miraclemax_using_subcommand status" -s c -l config -d 'Configuration file [default: /etc/miraclemax/config.toml for root, else $XDG_CONFIG_HOME/miraclemax/config.toml]' -r -F
complete -c miraclemax -n "__fish_miraclemax_using_subcommand status" -l state-dir -d 'State directory [default: /var/lib/miraclemax for root, else $XDG_STATE_HOME/miraclemax]' -r -f -a "(__fish_complete_directories)"
complete -c miraclemax -n "__fish_miraclemax_using_subcommand status" -l deadline -d 'End the run by then, whatever hangs: 90s, 4m [default: the config\'s `deadline`, else 4m]' -r
complete -c miraclemax -n "__fish_miraclemax_using_subcommand status" -l color -d 'Colour the output; NO_COLOR and CLICOLOR_FORCE are honoured' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c miraclemax -n "__fish_miraclemax_using_subcommand status" -l output -d 'Write the output to FILE instead; a reader of FILE never sees half of it' -r -F
complete -c miraclemax -n "__fish_miraclemax_using_subcommand status" -s o -l format -d 'How to write it' -r -f -a "text\t'For people'
json\t'For programs: the same words as keys'"
complete -c miraclemax -n "__fish_miraclemax_using_subcommand status" -s q -l quiet -d 'Print nothing unless something is wrong'
complete -c miraclemax -n "__fish_miraclemax_using_subcommand status" -s v -l verbose -d 'Say more: every probe, every step'
complete -c miraclemax -n "__fish_miraclemax_using_subcommand status" -s h -l help -d 'Print help (see more with \'--help\')'
