# sparkbake completions fish | source
complete -c sparkbake -a '(sparkbake completions fish -- (commandline -opc) (commandline -ct) 2>/dev/null)'
