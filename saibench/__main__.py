from saibench.cli import main

main()
