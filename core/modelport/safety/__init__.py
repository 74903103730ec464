"""What a model file may not do: reach outside its folder, or take more memory than there is."""
