// Package awstest holds deploy/aws to the code: the CloudFormation template is
// evaluated as AWS would do it, under each pair of its conditions, and its
// ports, paths, variables, times and security groups are compared with what
// the services are. Both programs are run with what their tasks give them. The
// task definitions must be the template's, and the guide may name only what the
// template has.
package awstest
