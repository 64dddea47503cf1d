// The program `gateway`: hands the words of the command line to a command and ends with its exit code.

import EventLoop

System.exit(CommandLineTool.run(System.arguments))
