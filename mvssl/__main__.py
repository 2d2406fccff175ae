from mvssl.cli import main

main()
