"""Mutation testing: do the tests notice when a line of the node is wrong?"""
