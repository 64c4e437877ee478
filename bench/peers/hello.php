<?php
header('content-type: application/json');
echo '{"message":"Hello World"}';
