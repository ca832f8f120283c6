enum HTTP1Placeholder {}
