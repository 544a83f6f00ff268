"""Where the accuracy is lost between the feature and what the receiver shows: encoder, channel or receiver."""
